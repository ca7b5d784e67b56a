// Figures and times as text. A dash stands for what is not known.

export const NONE = "–";
export const number = (value, digits = 0) => value.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });
export const isKnown = (value) => typeof value === "number" && Number.isFinite(value);
export const known = (value, format) => (isKnown(value) ? format(value) : NONE);

export function bytes(value) {
	const units = ["B", "KB", "MB", "GB", "TB"];
	let unit = 0;
	for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1024;
	return `${number(value, unit && value < 100 ? 1 : 0)} ${units[unit]}`;
}

export function duration(s) {
	s = Math.max(0, Math.floor(s));
	if (s < 60) return `${s} s`;
	if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
	if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
	return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export const shortDuration = (s) => (s < 10 ? `${number(s, 1)} s` : duration(s));

// One unit only: there is little room for an uptime, and it is read at a glance.
export function uptime(s) {
	if (s < 60) return `${Math.floor(s)} s`;
	if (s < 3600) return `${Math.floor(s / 60)} min`;
	return s < 86400 ? `${number(s / 3600, 1)} h` : `${number(s / 86400, 1)} d`;
}

export const percent = (value) => `${number(value, value < 10 ? 1 : 0)} %`;
export const milliseconds = (value) => (value < 1000 ? `${number(value, value < 10 ? 1 : 0)} ms` : `${number(value / 1000, 1)} s`);
// Less often than every ten seconds, by the minute.
export const rate = (value) =>
	value > 0 && value < 0.1 ? `${number(value * 60, 1)}/min` : `${number(value, value > 0 && value < 10 ? 1 : 0)}/s`;

export function clock(text) {
	const time = new Date(text);
	const day = time.toDateString() === new Date().toDateString() ? {} : { day: "2-digit", month: "short" };
	return time.toLocaleString("en-GB", { ...day, hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

export const statusOf = (thing) => (["up", "degraded", "down"].includes(thing?.status) ? thing.status : "unknown");
