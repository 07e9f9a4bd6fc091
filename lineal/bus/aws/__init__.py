"""Topics as SNS FIFO topics, groups as SQS FIFO queues."""
