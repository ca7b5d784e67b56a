// The page's parts. Only what differs is written, so that selections, the keyboard's focus and screen readers are not disturbed. What the daemon
// sends goes in as text, never as markup.

export const at = (id) => document.getElementById(id);
export const slot = (node, name) => node.querySelector(`[data-slot="${name}"]`);
export const fromTemplate = (id) => () => at(id).content.firstElementChild.cloneNode(true);

export function setText(node, text) {
	if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
	if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

export function element(name, text, attributes = {}) {
	const node = document.createElement(name);
	node.textContent = text;
	for (const [attribute, value] of Object.entries(attributes)) node.setAttribute(attribute, value);
	return node;
}

// A node that moves loses the keyboard's focus: what is before such a node moves instead, to the end until its turn comes.
function place(parent, node, i) {
	if (node.contains(document.activeElement)) while (parent.children[i] !== node) parent.append(parent.children[i]);
	else parent.insertBefore(node, parent.children[i] ?? null);
}

// Gives the parent one child for each item, in order. A child whose item is still there stays the same node.
export function fillChildren(parent, items, keyOf, make, fill) {
	const present = new Map([...parent.children].map((node) => [node.dataset.key, node]));
	items.forEach((item, i) => {
		const key = keyOf(item);
		const node = present.get(key) ?? make();
		present.delete(key);
		setAttribute(node, "data-key", key);
		if (parent.children[i] !== node) place(parent, node, i);
		fill(node, item);
	});
	for (const node of present.values()) node.remove();
}
