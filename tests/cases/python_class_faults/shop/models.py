class Order: ...


def make() -> Order:
    return Order()
