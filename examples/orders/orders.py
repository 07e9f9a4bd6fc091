"""order.placed -> payment.taken -> order.shipped, and two databases that have each order once."""

import asyncio
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lineal import Context, open_bus, stage
from lineal.effects.effect import Effect, register
from lineal.store.connection import Connection
from lineal_schemas.payload import Payload


class Order(Payload):
    order: str

    def partition_key(self) -> str:
        return self.order

    def correlation_key(self) -> str:
        return f"order:{self.order}"


class OrderPlaced(Order, type="order.placed", version=1):
    cents: int


class PaymentTaken(Order, type="payment.taken", version=1):
    cents: int


class OrderShipped(Order, type="order.shipped", version=1): ...


@dataclass(frozen=True, slots=True)
class Sale(Effect):
    """A row of the shop's table in the store: written in the transaction of the step."""

    kind: ClassVar[str] = "shop.sale"
    read_by_others: ClassVar[bool] = False
    order: str
    cents: int


def book(connection: Connection, sales: Sequence[Sale]) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS sales (name TEXT PRIMARY KEY, cents BIGINT)")
    connection.executemany(
        "INSERT INTO sales VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(sale.order, sale.cents) for sale in sales],
    )


register(book, Sale)


@stage("payment", version="1", produces=PaymentTaken, memo=False)
async def take_payment(order: OrderPlaced, ctx: Context) -> PaymentTaken:
    ctx.add_effect(Sale(order.order, order.cents))
    return PaymentTaken(order=order.order, cents=order.cents)


@stage("shipping", version="1", produces=OrderShipped, memo=False)
async def ship(payment: PaymentTaken, ctx: Context) -> OrderShipped:
    with sqlite3.connect("shop.db") as shop:  # counted once by the event's id
        shop.execute("CREATE TABLE IF NOT EXISTS parcels (event TEXT PRIMARY KEY, name TEXT)")
        shop.execute("INSERT OR IGNORE INTO parcels VALUES (?, ?)", (ctx.event.id, payment.order))
    return OrderShipped(order=payment.order)


async def main() -> None:
    async with open_bus() as bus, bus.run(take_payment, ship) as running:
        for order in sys.argv[1:]:
            await bus.publish(OrderPlaced(order=order, cents=4200), id=f"placed {order}")
        await running.wait()


if __name__ == "__main__":
    asyncio.run(main())
