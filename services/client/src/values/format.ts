const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact" });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const precise = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export function formatCount(count: number): string {
	return whole.format(count);
}

/* For an axis: 100, 10K, 1M. */
export function formatShort(count: number): string {
	return short.format(count);
}

export function formatDigits(count: number): string {
	return `${whole.format(count)} ${count === 1 ? "digit" : "digits"}`;
}

export function formatDuration(us: number): string {
	if (us < 1000) return `${us} µs`;
	if (us < 1_000_000) return `${(us / 1000).toPrecision(3)} ms`;
	return `${(us / 1_000_000).toPrecision(3)} s`;
}

/* A duration that people wait: 12 s, 3 min. */
export function formatWait(ms: number): string {
	const seconds = Math.floor(ms / 1000);

	if (seconds < 120) return `${seconds} s`;
	return seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

export function formatAge(time: string, now: number): string {
	const seconds = Math.round((Date.parse(time) - now) / 1000);

	if (seconds > -45) return "just now";
	if (seconds > -60 * 60) return relative.format(Math.round(seconds / 60), "minute");
	if (seconds > -24 * 60 * 60) return relative.format(Math.round(seconds / 3600), "hour");
	return relative.format(Math.round(seconds / 86_400), "day");
}

export function formatTime(time: string): string {
	return precise.format(new Date(time));
}

export function formatBytes(bytes: number): string {
	return bytes < 1024 * 1024 ? `${whole.format(Math.round(bytes / 1024))} KiB` : `${(bytes / 1024 / 1024).toPrecision(3)} MiB`;
}
