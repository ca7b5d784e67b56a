# services/values/repair.c: after a sweep that failed there is never another
s/repair->is_running = false;/repair->is_running = !is_complete;/
