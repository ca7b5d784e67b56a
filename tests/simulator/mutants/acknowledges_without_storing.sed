# services/values/submissions.c: a submission that was not stored is acknowledged
s/return batch_end(batch, status);/return batch_end(batch, STATUS_OK);/
