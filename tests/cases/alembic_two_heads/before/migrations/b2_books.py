revision: str = "b2"
down_revision: str | None = "a1"
