"""Events of others: Avro, JSON Schema and Protobuf by a Confluent-compatible schema registry."""
