"""A Kafka client for exactly-once processing, on the connections of aiokafka.

aiokafka gives connections, the fetching of records and the building of record batches. This package
adds what its consumer groups and its transactional producer lack:

* offsets committed in a transaction with the generation of the group, so that a fenced worker
  cannot commit (KIP-447), and the outcome of a transaction whose end got no answer;
* cooperative rebalances, which stop only the partitions that move (KIP-429), and static membership
  (KIP-345);
* out-of-order acks: offsets that are done beyond the committed offset, kept in its metadata.

It knows topics, partitions and records, and nothing of events or of this project's bus.
"""
