// Chromium's accessibility tree as text: what a screen reader gets, a line for each node, indented under its parent.

const SILENT = new Set(["none", "generic", "InlineTextBox", "LineBreak", "ListMarker", "LabelText", "Iframe"]);
const STATES = ["checked", "pressed", "expanded", "selected", "disabled", "required", "invalid", "level"];

function lineOf(node) {
	const states = (node.properties ?? [])
		.filter(({ name, value }) => STATES.includes(name) && ![false, "false"].includes(value.value))
		.map(({ name, value }) => (value.value === true ? name : `${name}=${value.value}`));
	const name = node.name?.value?.trim().replace(/\s+/g, " ") ?? "";

	return [node.role.value, JSON.stringify(name), ...states].join(" ");
}

// REGIONS: the names of those that count, if not all does.
export async function accessibilityTree(page, regions = null) {
	const session = await page.context().newCDPSession(page);
	const { nodes } = await session.send("Accessibility.getFullAXTree");
	const byId = new Map(nodes.map((node) => [node.nodeId, node]));
	const lines = [];

	function walk(node, depth, said) {
		const isSaid = !node.ignored && !SILENT.has(node.role.value);
		const repeats = node.role?.value === "StaticText" && said === node.name?.value; // the name of a button is its text
		if (isSaid && !repeats) lines.push(`${"  ".repeat(depth)}${lineOf(node)}`);
		for (const id of node.childIds ?? []) {
			const child = byId.get(id);
			if (child) walk(child, depth + (isSaid ? 1 : 0), isSaid ? node.name?.value : said);
		}
	}
	const roots = regions ? nodes.filter(({ role, name }) => role?.value === "region" && regions.includes(name?.value)) : [nodes[0]];
	for (const root of roots) walk(root, 0, null);
	await session.detach();
	return `${lines.join("\n")}\n`;
}
