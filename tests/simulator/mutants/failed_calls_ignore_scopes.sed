# libcommon/redis/call.c: a lost connection reports to cancelled scopes
/call->done(call->failure/!b
s/call->done/(void)call->done/
s/.*/\t\t\t;\n\t\tcall->done(call->failure, NULL, call->arg);/
