# Reads what `tail -v -F` prints of svlogd's files, and prints one line an event: with shown=1 for a reader, otherwise as JSON.
#   least    debug, info, warn or error: events below it are left out
#   colours  1: with the colours of a terminal
# Postgres, Redis and nginx's errors are no JSON, so they get the members that the daemons' lines have. Control characters are replaced, because a
# terminal obeys them.

BEGIN {
	rank["debug"] = 0; rank["info"] = 1; rank["warn"] = 2; rank["error"] = 3
	colour["debug"] = 90; colour["info"] = 32; colour["warn"] = 33; colour["error"] = 31
	for (i = 0; i < 16; i++) digit[substr("0123456789abcdef", i + 1, 1)] = i
	member = "^,?\"[a-z0-9_]+\":(\"(\\\\.|[^\"\\\\])*\"|[^,}]*)"
}

# ==> RUN_DIR/log/users-2/current <==
/^==> / { service = $0; sub(/\/current <==$/, "", service); sub(/.*\//, "", service); next }
!/^@/ { next }

{
	tai = substr($0, 2, 24)
	line = substr($0, 27)
	if (line ~ /^\{".*\}$/) json(); else plain() # svlogd cuts lines of more than 1,000 bytes
	if (rank[level] < rank[least]) next
	if (shown) show(); else print tame(line)
	fflush()
}

# Sets level, ts, from, said and rest of a line of JSON.
function json(  text, name, value) {
	level = "info"; ts = said = rest = ""; from = service
	split("", seen)
	for (text = substr(line, 2); match(text, member); text = substr(text, 1 + taken)) {
		taken = RLENGTH
		name = substr(text, 1, taken)
		sub(/^,?"/, "", name)
		value = substr(name, index(name, "\":") + 2)
		name = substr(name, 1, index(name, "\":") - 1)
		keep(name, value)
	}
	if (service ~ /^nginx/ && said == "") access()
}

function keep(name, value,  word) {
	word = value
	if (word ~ /^"/) word = substr(word, 2, length(word) - 2)
	if (name == "ts") ts = word
	else if (name == "level") level = word
	else if (name == "service") return
	else if (name == "instance") from = word
	else if (name == "msg") said = unescaped(word)
	else {
		seen[name] = word
		rest = rest " " name "=" quoted(word)
	}
}

# What has a space or a quotation mark stays as JSON has it, so that no value, such as a path that a client asks for, looks like another field.
function quoted(word) {
	return word ~ /[ ="]/ || word == "" ? "\"" word "\"" : unescaped(word)
}

# What else is escaped stays so: it is a control character.
function unescaped(text) {
	gsub(/\\\\/, "\001", text); gsub(/\\"/, "\"", text); gsub(/\\\//, "/", text); gsub(/\001/, "\\", text)
	return text
}

# A request in nginx's log.
function access() {
	said = seen["method"] " " quoted(seen["path"]) " " seen["status"]
	gsub(/ (method|path|status)=("(\\.|[^"\\])*"|[^ ]*)/, "", rest)
	if (seen["status"] >= 500) level = "warn"
}

# In UTF-8 too, where those of 0x80 to 0x9f are two bytes.
function tame(text) {
	gsub(/[\001-\037\177]|\302[\200-\237]/, "?", text)
	return text
}

function plain(  text) {
	text = tame(line)
	level = plain_level(text)
	ts = time_of(tai); from = service; said = without_time(text); rest = ""
	gsub(/\\/, "\\\\", text); gsub(/"/, "\\\"", text)
	line = "{\"ts\":\"" ts "\",\"level\":\"" level "\",\"service\":\"" service "\",\"msg\":\"" text "\"}"
}

# A line of a daemon that svlogd has cut still begins with its level.
function plain_level(text) {
	if (text ~ /^\{"ts":"[^"]*","level":"(debug|info|warn|error)"/) {
		sub(/^\{"ts":"[^"]*","level":"/, "", text)
		return substr(text, 1, index(text, "\"") - 1)
	}
	if (text ~ /(ERROR|FATAL|PANIC): |\[(error|crit|alert|emerg)\]|runtime error:/) return "error"
	if (text ~ /WARNING: |\[warn\]|^[0-9]+:[A-Z] [^#]*:[0-9.]+ # /) return "warn"
	return "info"
}

function without_time(text) {
	sub(/^[0-9-]+ [0-9:.]+ [A-Z]+ \[[0-9]+\] [A-Z]+:  */, "", text) # Postgres
	sub(/^[0-9]+:[A-Z] [0-9]+ [A-Z][a-z]+ [0-9]+ [0-9:.]+ [#*.-] /, "", text) # Redis
	sub(/^[0-9\/]+ [0-9:]+ \[[a-z]+\] /, "", text) # nginx
	return text
}

# TAI64N: seconds since 1970 and ten more behind the bit 2^62, then nanoseconds.
function time_of(label,  seconds, nanoseconds, i) {
	seconds = nanoseconds = 0
	for (i = 9; i <= 16; i++) seconds = seconds * 16 + digit[substr(label, i, 1)]
	for (i = 17; i <= 24; i++) nanoseconds = nanoseconds * 16 + digit[substr(label, i, 1)]
	return strftime("%Y-%m-%dT%H:%M:%S", seconds - 10, 1) sprintf(".%03dZ", nanoseconds / 1000000)
}

function show(  time) {
	said = tame(said); rest = tame(rest)
	time = substr(ts, 1, 10) " " substr(ts, 12)
	sub(/(Z|\+00:00)$/, "", time)
	if (colours)
		printf "\033[90m%s\033[0m \033[%dm%-5s\033[0m %-13s %s\033[90m%s\033[0m\n", time, colour[level], level, from, said, rest
	else
		printf "%s %-5s %-13s %s%s\n", time, level, from, said, rest
}
