# libcommon/jobs/unwritten.c: what a dead process received is not written
s/"XAUTOCLAIM", JOBS_FINISHED/"XAUTOCLAIM", JOBS_STREAM_SMALL/
