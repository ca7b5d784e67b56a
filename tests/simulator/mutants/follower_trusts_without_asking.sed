# libcommon/auth/revocations.c: a follower trusts its copy although it is not in the table yet
s/^		return join(revocations);/		return revocations->trusted_until_us = clock_boottime_us() + revocations->config.lease_s * 1000000, join(revocations);/
