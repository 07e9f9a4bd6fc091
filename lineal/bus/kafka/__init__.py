"""The Kafka bus: topics on a cluster of brokers, for many machines.

aiokafka gives the connections, the reading of messages and the making of batches. Groups and
transactions are done here: what aiokafka lacks (offsets fenced by the generation of the group,
KIP-447; rebalances that stop only the partitions that move, KIP-429) is what exactly-once needs.
"""
