"""The requests of this client, each in the newest version that has what is needed.

Names and fields are those of Kafka's protocol guide (https://kafka.apache.org/protocol).
"""

from __future__ import annotations

from aiokafka.protocol.types import (
    Array,
    Boolean,
    Bytes,
    CompactArray,
    CompactString,
    Int8,
    Int16,
    Int32,
    Int64,
    Schema,
    String,
    TaggedFields,
)

from lineal.kafka_client.wire import Api

_text = String("utf-8")
_compact_text = CompactString("utf-8")
_tags = ("tags", TaggedFields)
_Errors = Array(("partition", Int32), ("error_code", Int16))

PRODUCE = Api(
    "Produce", 0, 8,
    Schema(
        ("transactional_id", _text),
        ("acks", Int16),
        ("timeout_ms", Int32),
        ("topics", Array(
            ("topic", _text), ("partitions", Array(("partition", Int32), ("records", Bytes))),
        )),
    ),
    Schema(
        ("topics", Array(
            ("topic", _text),
            ("partitions", Array(
                ("partition", Int32),
                ("error_code", Int16),
                ("base_offset", Int64),
                ("log_append_time_ms", Int64),
                ("log_start_offset", Int64),
                ("record_errors", Array(("batch_index", Int32), ("message", _text))),
                ("error_message", _text),
            )),
        )),
        ("throttle_time_ms", Int32),
    ),
)  # fmt: skip

FETCH = Api(
    "Fetch", 1, 4,
    Schema(
        ("replica_id", Int32),
        ("max_wait_ms", Int32),
        ("min_bytes", Int32),
        ("max_bytes", Int32),
        ("isolation_level", Int8),
        ("topics", Array(
            ("topic", _text),
            ("partitions", Array(
                ("partition", Int32), ("fetch_offset", Int64), ("partition_max_bytes", Int32)
            )),
        )),
    ),
    Schema(
        ("throttle_time_ms", Int32),
        ("topics", Array(
            ("topic", _text),
            ("partitions", Array(
                ("partition", Int32),
                ("error_code", Int16),
                ("high_watermark", Int64),
                ("last_stable_offset", Int64),
                ("aborted", Array(("producer_id", Int64), ("first_offset", Int64))),
                ("records", Bytes),
            )),
        )),
    ),
)  # fmt: skip

LIST_OFFSETS = Api(
    "ListOffsets", 2, 2,
    Schema(
        ("replica_id", Int32),
        ("isolation_level", Int8),
        ("topics", Array(
            ("topic", _text), ("partitions", Array(("partition", Int32), ("timestamp", Int64))),
        )),
    ),
    Schema(
        ("throttle_time_ms", Int32),
        ("topics", Array(
            ("topic", _text),
            ("partitions", Array(
                ("partition", Int32), ("error_code", Int16), ("timestamp", Int64), ("offset", Int64)
            )),
        )),
    ),
)  # fmt: skip

METADATA = Api(
    "Metadata", 3, 4,
    Schema(("topics", Array(_text)), ("allow_auto_topic_creation", Boolean)),
    Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("node", Int32), ("host", _text), ("port", Int32), ("rack", _text))),
        ("cluster_id", _text),
        ("controller", Int32),
        ("topics", Array(
            ("error_code", Int16),
            ("topic", _text),
            ("is_internal", Boolean),
            ("partitions", Array(
                ("error_code", Int16),
                ("partition", Int32),
                ("leader", Int32),
                ("replicas", Array(Int32)),
                ("isr", Array(Int32)),
            )),
        )),
    ),
)  # fmt: skip

OFFSET_COMMIT = Api(
    "OffsetCommit", 8, 7,
    Schema(
        ("group", _text),
        ("generation", Int32),
        ("member", _text),
        ("instance", _text),
        ("topics", Array(
            ("topic", _text),
            ("partitions", Array(
                ("partition", Int32), ("offset", Int64), ("leader_epoch", Int32),
                ("metadata", _text),
            )),
        )),
    ),
    Schema(
        ("throttle_time_ms", Int32),
        ("topics", Array(("topic", _text), ("partitions", _Errors))),
    ),
)  # fmt: skip

OFFSET_FETCH = Api(
    "OffsetFetch", 9, 7,
    Schema(
        ("group", _compact_text),
        ("topics", CompactArray(
            ("topic", _compact_text), ("partitions", CompactArray(Int32)), _tags
        )),
        ("require_stable", Boolean),
        _tags,
    ),
    Schema(
        ("throttle_time_ms", Int32),
        ("topics", CompactArray(
            ("topic", _compact_text),
            ("partitions", CompactArray(
                ("partition", Int32), ("offset", Int64), ("leader_epoch", Int32),
                ("metadata", _compact_text), ("error_code", Int16), _tags,
            )),
            _tags,
        )),
        ("error_code", Int16),
        _tags,
    ),
    flexible=True,
)  # fmt: skip

JOIN_GROUP = Api(
    "JoinGroup", 11, 5,
    Schema(
        ("group", _text),
        ("session_timeout_ms", Int32),
        ("rebalance_timeout_ms", Int32),
        ("member", _text),
        ("instance", _text),
        ("protocol_type", _text),
        ("protocols", Array(("name", _text), ("metadata", Bytes))),
    ),
    Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("generation", Int32),
        ("protocol", _text),
        ("leader", _text),
        ("member", _text),
        ("members", Array(("member", _text), ("instance", _text), ("metadata", Bytes))),
    ),
)  # fmt: skip

HEARTBEAT = Api(
    "Heartbeat", 12, 3,
    Schema(("group", _text), ("generation", Int32), ("member", _text), ("instance", _text)),
    Schema(("throttle_time_ms", Int32), ("error_code", Int16)),
)  # fmt: skip

LEAVE_GROUP = Api(
    "LeaveGroup", 13, 3,
    Schema(("group", _text), ("members", Array(("member", _text), ("instance", _text)))),
    Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("members", Array(("member", _text), ("instance", _text), ("error_code", Int16))),
    ),
)  # fmt: skip

SYNC_GROUP = Api(
    "SyncGroup", 14, 3,
    Schema(
        ("group", _text),
        ("generation", Int32),
        ("member", _text),
        ("instance", _text),
        ("assignments", Array(("member", _text), ("assignment", Bytes))),
    ),
    Schema(("throttle_time_ms", Int32), ("error_code", Int16), ("assignment", Bytes)),
)  # fmt: skip

DESCRIBE_GROUPS = Api(
    "DescribeGroups", 15, 4,
    Schema(("groups", Array(_text)), ("include_authorized_operations", Boolean)),
    Schema(
        ("throttle_time_ms", Int32),
        ("groups", Array(
            ("error_code", Int16),
            ("group", _text),
            ("state", _text),
            ("protocol_type", _text),
            ("protocol", _text),
            ("members", Array(
                ("member", _text), ("instance", _text), ("client_id", _text),
                ("client_host", _text), ("metadata", Bytes), ("assignment", Bytes),
            )),
            ("authorized_operations", Int32),
        )),
    ),
)  # fmt: skip

LIST_GROUPS = Api(
    "ListGroups", 16, 2,
    Schema(),
    Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("groups", Array(("group", _text), ("protocol_type", _text))),
    ),
)  # fmt: skip

CREATE_TOPICS = Api(
    "CreateTopics", 19, 4,
    Schema(
        ("topics", Array(
            ("topic", _text),
            ("partitions", Int32),
            ("replication_factor", Int16),
            ("assignments", Array(("partition", Int32), ("brokers", Array(Int32)))),
            ("configs", Array(("name", _text), ("value", _text))),
        )),
        ("timeout_ms", Int32),
        ("validate_only", Boolean),
    ),
    Schema(
        ("throttle_time_ms", Int32),
        ("topics", Array(("topic", _text), ("error_code", Int16), ("error_message", _text))),
    ),
)  # fmt: skip

INIT_PRODUCER_ID = Api(
    "InitProducerId", 22, 1,
    Schema(("transactional_id", _text), ("transaction_timeout_ms", Int32)),
    Schema(
        ("throttle_time_ms", Int32), ("error_code", Int16), ("producer_id", Int64),
        ("producer_epoch", Int16),
    ),
)  # fmt: skip

ADD_PARTITIONS_TO_TXN = Api(
    "AddPartitionsToTxn", 24, 1,
    Schema(
        ("transactional_id", _text),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        ("topics", Array(("topic", _text), ("partitions", Array(Int32)))),
    ),
    Schema(
        ("throttle_time_ms", Int32),
        ("topics", Array(("topic", _text), ("partitions", _Errors))),
    ),
)  # fmt: skip

ADD_OFFSETS_TO_TXN = Api(
    "AddOffsetsToTxn", 25, 1,
    Schema(
        ("transactional_id", _text), ("producer_id", Int64), ("producer_epoch", Int16),
        ("group", _text),
    ),
    Schema(("throttle_time_ms", Int32), ("error_code", Int16)),
)  # fmt: skip

END_TXN = Api(
    "EndTxn", 26, 1,
    Schema(
        ("transactional_id", _text), ("producer_id", Int64), ("producer_epoch", Int16),
        ("committed", Boolean),
    ),
    Schema(("throttle_time_ms", Int32), ("error_code", Int16)),
)  # fmt: skip

TXN_OFFSET_COMMIT = Api(
    "TxnOffsetCommit", 28, 3,
    Schema(
        ("transactional_id", _compact_text),
        ("group", _compact_text),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        ("generation", Int32),
        ("member", _compact_text),
        ("instance", _compact_text),
        ("topics", CompactArray(
            ("topic", _compact_text),
            ("partitions", CompactArray(
                ("partition", Int32), ("offset", Int64), ("leader_epoch", Int32),
                ("metadata", _compact_text), _tags,
            )),
            _tags,
        )),
        _tags,
    ),
    Schema(
        ("throttle_time_ms", Int32),
        ("topics", CompactArray(
            ("topic", _compact_text),
            ("partitions", CompactArray(("partition", Int32), ("error_code", Int16), _tags)),
            _tags,
        )),
        _tags,
    ),
    flexible=True,
)  # fmt: skip

DESCRIBE_CONFIGS = Api(
    "DescribeConfigs", 32, 1,
    Schema(
        ("resources", Array(("type", Int8), ("name", _text), ("config_names", Array(_text)))),
        ("include_synonyms", Boolean),
    ),
    Schema(
        ("throttle_time_ms", Int32),
        ("results", Array(
            ("error_code", Int16),
            ("error_message", _text),
            ("type", Int8),
            ("name", _text),
            ("configs", Array(
                ("name", _text), ("value", _text), ("read_only", Boolean), ("source", Int8),
                ("is_sensitive", Boolean),
                ("synonyms", Array(("name", _text), ("value", _text), ("source", Int8))),
            )),
        )),
    ),
)  # fmt: skip

INCREMENTAL_ALTER_CONFIGS = Api(
    "IncrementalAlterConfigs", 44, 0,
    Schema(
        ("resources", Array(
            ("type", Int8), ("name", _text),
            ("configs", Array(("name", _text), ("operation", Int8), ("value", _text))),
        )),
        ("validate_only", Boolean),
    ),
    Schema(
        ("throttle_time_ms", Int32),
        ("resources", Array(
            ("error_code", Int16), ("error_message", _text), ("type", Int8), ("name", _text)
        )),
    ),
)  # fmt: skip
