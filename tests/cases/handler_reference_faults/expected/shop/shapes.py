from collections.abc import AsyncIterator, Iterator

from another import adapt
from pgflowc_runtime import Context
from shop._generated.orders import OrdersInput


class Sender:
    def __call__(self, input: OrdersInput, ctx: Context[OrdersInput]) -> None: ...


class Made:
    def __new__(cls, input: OrdersInput, ctx: Context[OrdersInput]) -> str:
        return "made"


def generator(input: OrdersInput, ctx: Context[OrdersInput]) -> Iterator[int]:
    with open("numbers") as numbers:
        yield from map(int, numbers)


async def async_generator(input: OrdersInput, ctx: Context[OrdersInput]) -> AsyncIterator[int]:
    yield input.order_id


def yields_inside(input: OrdersInput, ctx: Context[OrdersInput]) -> None:
    def numbers() -> Iterator[int]:
        yield 1

    print(*numbers())


a_lambda = lambda input: input
good_lambda = lambda input, ctx: None


def wrapped(order_id: int) -> None: ...


wrapped = adapt(wrapped)
