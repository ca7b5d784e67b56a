# services/worker/receive.c: after an error no job is received any more
s/^	receiver->is_receiving = false;$/	receiver->is_receiving = status != STATUS_OK;/
