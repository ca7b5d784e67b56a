# services/values/submissions.c: what arrived meanwhile waits for the next submission
s/if (!STAILQ_EMPTY(&submissions->waiting))/if (false)/
