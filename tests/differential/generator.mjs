// Streams of one to three HTTP/1.1 requests: sound ones, ones that are odd in places where readers are known to disagree, and both
// with bytes changed. The same seed gives the same streams.

// mulberry32
export function randomOf(seed) {
	let state = seed >>> 0;
	const next = () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let t = Math.imul(state ^ (state >>> 15), state | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return (t ^ (t >>> 14)) >>> 0;
	};
	return {
		below: (n) => next() % n,
		chance: (p) => next() / 4294967296 < p,
		pick: (list) => list[next() % list.length],
	};
}

const METHODS = ["GET", "GET", "GET", "POST", "POST", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT"];
const ODD_METHODS = [
	"get",
	"BREW",
	"M-SEARCH",
	"PROPFIND",
	"PRI",
	"G\tT",
	"GE(T",
	"",
	"GET ",
	" GET",
	"\u0016\u0003\u0001",
	"!#$%&'*+-.^_`|~",
	"SOURCE",
	"QUERY",
	"DESCRIBE",
];
const TARGETS = [
	"/",
	"/users/7",
	"/values/all?limit=20",
	"/a//b",
	"//a",
	"/%41%zz%",
	"/?a=b&c=d?/",
	"/a:b@c;d=e,f!$&'()*+~._-",
	"/a?x=http://b/",
];
const OTHER_TARGETS = [
	"http://a/",
	"HTTPS://a.example:80/x?y",
	"http://a",
	"http://a?x",
	"http://[::1]:80/",
	"http://a:/",
	"http://a.b-c_d~e/",
];
const ODD_TARGETS = [
	"*",
	"a:80",
	"http://",
	"http://u@a/",
	"http:///",
	"ftp://a/",
	"/a#b",
	"/a[b]",
	"/\u00e4",
	'/a"b',
	"/a\\b",
	"/a{b}|c^`",
	"/a b",
	"/a\tb",
	"/a\u0000b",
	"/\u007f",
	"",
	"a",
	"?",
	"http://[::1/",
	"http://%41/",
	"/<>",
];
const VERSIONS = [...Array(12).fill("HTTP/1.1"), "HTTP/1.0"];
const ODD_VERSIONS = [
	"HTTP/1.2",
	"HTTP/1.9",
	"HTTP/0.9",
	"HTTP/2.0",
	"HTTP/1.10",
	"HTTP/01.1",
	"http/1.1",
	"HTTP/1.",
	"HTTP/1",
	"HTTP/1.1 ",
	"HTTP /1.1",
	"",
	"RTSP/1.0",
	"ICE/1.0",
	"HTTP/1.1\t",
];
const ODD_LINE_ENDS = ["\n", "\r", "\r\r\n", "\n\r", "\r\n\r\n", "\r\n ", " \r\n", "\r\n\t", "\u0000\r\n", ""];
const FIELDS = [
	["Accept", "*/*"],
	["User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"],
	["X-Request-ID", "0123456789abcdef"],
	["Authorization", "Bearer abc.def"],
	["Cookie", 'a=b; c="d"'],
	["X-Empty", ""],
	["X-Obs-Text", "\u00e4\u00ff\u0080"],
	["x", "y"],
	["X-Tabs", "a\tb \t c"],
	["If-None-Match", '"x"'],
	["X!#$%&'*+-.^_`|~9", "z"],
	["Connection", "keep-alive"],
	["Connection", "x, ,keep-alive"],
	["Keep-Alive", "timeout=5"],
	["TE", "trailers"],
	["Trailer", "X"],
	["X-Long", "v".repeat(300)],
	["Content-Type", "application/json"],
	["Accept-Encoding", "gzip, br"],
	["Proxy-Connection", "keep-alive"],
];
const ODD_FIELDS = [
	["Connection", "close"],
	["Connection", "Close, x"],
	["Connection", "close keep-alive"],
	["Connection", "upgrade"],
	["Upgrade", "websocket"],
	["Upgrade", "h2c"],
	["Connection", "Upgrade, HTTP2-Settings"],
	["Expect", "100-continue"],
	["Expect", "tea"],
	["X Y", "z"],
	["", "x"],
	["X\u0000", "y"],
	["X\u00e4", "y"],
	["X(", "y"],
	["X", "a\u0000b"],
	["X", "a\u0001b"],
	["X", "a\u007fb"],
	["X", "a\u000bb"],
	["Content-Length ", "1"],
	["Host", "b"],
	[" Host", "b"],
	["Content-Length", "0"],
	["Transfer-Encoding", "chunked"],
	["Content_Length", "3"],
	["Connection", "Content-Length"],
	["Connection", "transfer-encoding, close"],
	["Proxy-Connection", "close"],
];
const HOSTS = ["a", "a", "a", "abacus.example", "abacus.example", "abacus.example:8080", "[::1]", "127.0.0.1:80", "a:", ""];
const ODD_HOSTS = ["a b", "a/b", "u@a", "[::1", "::1", "a,b", "a:b", "\u00e4", "%41", "a..b", "a.", "A_B"];
const ODD_COLONS = [" :", "\t:", "", "::", ";", " "];
const SPACES_AFTER_COLON = [...Array(16).fill(" "), "", "", "  ", "\t", " \t "];
const SPACES_BEFORE_END = [...Array(16).fill(""), " ", " ", " \t"];
const LENGTHS = (n) => [`${n}`, `${n}`, `${n}`, `0${n}`, `000${n}`];
const ODD_LENGTHS = (n) => [
	`+${n}`,
	`-${n}`,
	`0x${n.toString(16)}`,
	`${n},${n}`,
	`${n}, ${n}`,
	` ${n} `,
	"",
	`${n}.0`,
	`${n + 1}`,
	`${Math.max(n - 1, 0)}`,
	"18446744073709551616",
	"9223372036854775808",
	`${n}\u0000`,
	`${n} ${n}`,
	`${n}\u000b`,
];
const CODINGS = ["chunked", "chunked", "Chunked", "CHUNKED"];
const ODD_CODINGS = [
	"gzip, chunked",
	"chunked, gzip",
	"identity",
	"chunked,",
	",chunked",
	"chunked;a=b",
	"xchunked",
	"chunked chunked",
	'"chunked"',
	"chunk",
	"",
	"chunked\u0000",
	"\u000bchunked",
	"chunked, chunked",
	"chunked,identity",
];
const EXTENSIONS = ["", "", "", "", ";a", ";a=b", ";a;b=c", ';a="b;c \\"d"', ';a=""', ';a="\u00e4"'];
const ODD_EXTENSIONS = [
	" ",
	"\t",
	" ;a",
	"; a",
	";a =b",
	";a= b",
	";",
	";;a",
	";=b",
	";a=",
	';a="b',
	';a=b"c',
	";\u0000",
	";a\n",
	';a="\\\u0001"',
	",a",
	" a",
	";a\rb",
	';a="b"c',
	';a="\r\n"',
];
const TRAILERS = [
	["X-Checksum", "7"],
	["Expires", "never"],
	["x", ""],
	["Server-Timing", "a;dur=1"],
];
const ODD_TRAILERS = [
	["Content-Length", "5"],
	["Transfer-Encoding", "chunked"],
	["Host", "b"],
	["Connection", "close"],
	["Connection", "keep-alive"],
	["Upgrade", "x"],
	["X Y", "z"],
	["X", "\u0000"],
	["Expect", "100-continue"],
	["Trailer", "x"],
];
const TOKENS = [
	"\r\n",
	"\n",
	"\r",
	" ",
	"\t",
	"\u0000",
	":",
	";",
	",",
	"0",
	"1",
	"a",
	"f",
	"\u007f",
	"\u0080",
	"\u00ff",
	"\u000b",
	"\u000c",
	"\u0085",
	"\u00a0",
	'"',
	"\\",
	"chunked",
	"Content-Length: 1\r\n",
	"Transfer-Encoding: chunked\r\n",
	"Host: b\r\n",
	"HTTP/1.1",
	"0\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"/",
	"?",
	"*",
	"=",
	"(",
	"[",
	"{",
	"@",
	"%",
	"#",
];

// One stream as latin1 text; oddness is how likely each of its parts is an odd one.
function streamWriter(random, oddness) {
	const either = (normal, odd) => (random.chance(oddness) ? random.pick(odd) : random.pick(normal));
	const lineEnd = () => (random.chance(oddness / 4) ? random.pick(ODD_LINE_ENDS) : "\r\n");
	const line = (name, value) => {
		const colon = random.chance(oddness / 4) ? random.pick(ODD_COLONS) : ":";
		return name + colon + random.pick(SPACES_AFTER_COLON) + value + random.pick(SPACES_BEFORE_END) + lineEnd();
	};
	const cased = (name) => (random.chance(0.2) ? name.toLowerCase() : random.chance(0.05) ? name.toUpperCase() : name);

	function bytes(n) {
		const text = random.pick(['{"index":7}', "a", "\r\n", "GET / HTTP/1.1\r\n", "\u0000\u00ff", "0\r\n\r\n", "x".repeat(50)]);
		return text.repeat(Math.ceil(n / text.length) || 0).slice(0, n);
	}

	function chunk(size) {
		let digits = random.chance(0.2) ? size.toString(16).toUpperCase() : size.toString(16);
		digits = random.chance(0.1) ? `00${digits}` : digits;
		digits = random.chance(oddness)
			? random.pick([
					`0x${digits}`,
					`+${digits}`,
					`-${digits}`,
					"",
					`${digits}g`,
					` ${digits}`,
					`${digits}_`,
					(size + 1).toString(16),
					`1${"0".repeat(16)}${digits}`,
				])
			: digits;
		return digits + either(EXTENSIONS, ODD_EXTENSIONS) + lineEnd();
	}

	function chunked(body) {
		let out = "";
		for (let at = 0; at < body.length; ) {
			const size = Math.min(1 + random.below(40), body.length - at);
			out += chunk(size) + body.slice(at, at + size) + lineEnd();
			at += size;
		}
		out += chunk(0);
		for (let n = random.chance(0.2) ? random.below(3) : 0; n > 0; n--) {
			out += line(...either(TRAILERS, ODD_TRAILERS));
		}
		return out + lineEnd();
	}

	function target(method) {
		if (method === "CONNECT") {
			return either(["a:80", "[::1]:443", "a.example:1"], [...ODD_TARGETS, ...TARGETS]);
		}
		if (method === "OPTIONS" && random.chance(0.3)) {
			return "*";
		}
		return either(random.chance(0.1) ? OTHER_TARGETS : TARGETS, ODD_TARGETS);
	}

	// The fields that frame the message, and its body as it is sent.
	function framing(method) {
		const body = bytes(random.pick([0, 1, 2, 11, 30, 100, 400]));
		const hasNone = ["HEAD", "TRACE", "CONNECT"].includes(method) ? !random.chance(oddness) : method === "GET" && random.chance(0.7);
		const out = [];
		if (hasNone || random.chance(0.1)) {
			return { fields: random.chance(0.1) ? [["Content-Length", "0"]] : [], body: "" };
		}
		const isChunked = random.chance(0.5);
		if (isChunked || random.chance(oddness / 2)) {
			out.push(["Transfer-Encoding", either(CODINGS, ODD_CODINGS)]);
		}
		if (!isChunked || random.chance(oddness / 2)) {
			out.push(["Content-Length", either(LENGTHS(body.length), ODD_LENGTHS(body.length))]);
		}
		if (random.chance(oddness / 4)) {
			out.push(random.pick(out));
		}
		return { fields: out, body: isChunked ? chunked(body) : body };
	}

	return function message() {
		const method = either(METHODS, ODD_METHODS);
		const { fields, body } = framing(method);
		const all = [...fields];
		if (!random.chance(oddness / 2)) {
			all.push(["Host", either(HOSTS, ODD_HOSTS)]);
		}
		for (let n = random.below(6); n > 0; n--) {
			all.push(either(FIELDS, ODD_FIELDS));
		}
		all.sort(() => random.below(3) - 1);
		const space = () => (random.chance(oddness / 4) ? random.pick(["  ", "\t", "", "\u000b", "\r\n"]) : " ");
		const before = random.chance(0.03) ? "\r\n" : random.chance(oddness / 4) ? random.pick(["\r\n\r\n", "\n", " ", "\r"]) : "";
		const head = method + space() + target(method) + space() + either(VERSIONS, ODD_VERSIONS) + lineEnd();
		return before + head + all.map(([name, value]) => line(cased(name), value)).join("") + lineEnd() + body;
	};
}

function changed(random, text) {
	const at = random.below(text.length + 1);
	const len = random.pick([1, 1, 1, 2, 5, 20]);
	switch (random.below(5)) {
		case 0:
			return text.slice(0, at) + text.slice(at + len);
		case 1:
			return text.slice(0, at) + random.pick(TOKENS) + text.slice(at);
		case 2:
			return text.slice(0, at) + random.pick(TOKENS) + text.slice(at + len);
		case 3:
			return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
		default:
			return text.slice(0, at) + text.slice(Math.max(0, at - len), at) + text.slice(at);
	}
}

// {bytes, step}: step is how many bytes arrive at a time, 0 for all at once.
export function* streams(seed, count) {
	const random = randomOf(seed);
	for (let n = 0; n < count; n++) {
		const message = streamWriter(random, random.pick([0, 0, 0.02, 0.02, 0.1]));
		let text = Array.from({ length: random.pick([1, 1, 1, 2, 3]) }, message).join("");
		for (let changes = random.pick([0, 0, 0, 1, 1, 2]); changes > 0; changes--) {
			text = changed(random, text);
		}
		yield { bytes: Buffer.from(text, "latin1"), step: random.pick([0, 0, 1, 2, 3, 7, 64, 1 + random.below(200)]) };
	}
}
