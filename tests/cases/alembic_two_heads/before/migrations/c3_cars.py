revision: str = "c3"
down_revision: str | None = "a1"
