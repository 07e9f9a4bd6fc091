"""The stage that makes tables of de-identified health records."""

from __future__ import annotations

from lineal import Context, stage
from lineal_consumers.health.config import HealthConfig
from lineal_schemas.records import RecordDeidentified
from lineal_schemas.tables import TableArrived


@stage("health", version="1", produces=TableArrived)
async def health(record: RecordDeidentified, ctx: Context[HealthConfig]) -> TableArrived | None:
    """Encode a record as rows of the table that its request names."""
    from lineal_consumers.health.encoding import encode_records

    if record.content is None or record.table is None:
        ctx.skip("no table was asked for")
        return None
    path = str(await ctx.objects.path(record.content, role="record"))
    definition = await ctx.objects.get(record.table.definition, role="definition")
    made = await ctx.run(encode_records, path, definition, seconds=ctx.config.seconds)
    ctx.annotate(rows=made.row_count)
    return TableArrived(
        table=record.table.name,
        source=f"record:{record.document_id}",
        content=await ctx.objects.put(made.rows, "text/csv", role="table"),
        definition=await ctx.objects.put(made.definition, "application/toml", role="definition"),
        as_of_us=record.table.as_of_us,
    )
