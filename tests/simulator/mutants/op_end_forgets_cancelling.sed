# libcommon/base/scope.c: a callback runs although its scope was cancelled
s/return false;/return true;/
