# services/users/revocations/retry_queue.c: what the retry queue has no room for is not published
s/return republisher_want(queue->users->republisher);/return;/
