# services/values/refill.c: after a round that failed there is never another
s/refill->is_running = false;/refill->is_running = !refill->was_due;/
