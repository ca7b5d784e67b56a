/* The browser and the system that a user agent names, for people: "Firefox on Windows". The first that matches counts, because most name others too. */
const BROWSERS: [RegExp, string][] = [
	[/\bEdg(e|A|iOS)?\//, "Edge"],
	[/\bOPR\//, "Opera"],
	[/\bSamsungBrowser\//, "Samsung Internet"],
	[/\b(Firefox|FxiOS)\//, "Firefox"],
	[/\b(Chrome|CriOS|HeadlessChrome|Chromium)\//, "Chrome"],
	[/\bVersion\/.*\bSafari\//, "Safari"],
];
const SYSTEMS: [RegExp, string][] = [
	[/\biPhone\b/, "iPhone"],
	[/\biPad\b/, "iPad"],
	[/\bAndroid\b/, "Android"],
	[/\bWindows\b/, "Windows"],
	[/\bMac OS X\b/, "macOS"],
	[/\bCrOS\b/, "ChromeOS"],
	[/\bLinux\b/, "Linux"],
];

function find(names: [RegExp, string][], userAgent: string): string | undefined {
	return names.find(([pattern]) => pattern.test(userAgent))?.[1];
}

export function nameOfDevice(userAgent: string): string {
	const browser = find(BROWSERS, userAgent);
	const system = find(SYSTEMS, userAgent);

	if (browser) return system ? `${browser} on ${system}` : browser;
	return /^[\w.-]{1,40}/.exec(userAgent)?.[0] ?? "Unknown program"; // a program, such as curl
}
