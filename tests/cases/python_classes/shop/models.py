from pydantic import BaseModel


class Row(BaseModel):
    sku: str


if True:

    class Order(BaseModel):
        rows: list[Row]


Alias = Row
