# services/values/refill.c: a round ends after the small lane
/^static void end_lane(/,/^}/s/next_lane(refill)/end(refill, true)/
