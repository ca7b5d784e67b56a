# services/values/refill.c: after a failure the next round follows at once
s/clock_monotonic_us() >= refill->rests_until_us/true/
