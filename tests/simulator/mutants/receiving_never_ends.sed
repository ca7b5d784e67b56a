# services/worker/receive.c: after an error no job is received any more
s/^	work->is_receiving = false;$/	work->is_receiving = status != STATUS_OK;/
