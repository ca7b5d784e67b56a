// What the keyboard alone reaches: Tab goes to each thing that can be operated, and shows which one it is at.

// Runs in the browser. Numbers what Tab has to reach, in the dialog if one is open, and returns it: [[number, what it is]].
function number() {
	const scope = document.querySelector("dialog[open]") ?? document;
	const all = [...scope.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")];
	const isChosen = (node) => {
		const group = `input[type=radio][name="${node.name}"]`;
		return node === (scope.querySelector(`${group}:checked`) ?? scope.querySelector(group)); // Tab goes to one of a group
	};
	const isReached = (node) => !node.disabled && node.tabIndex >= 0 && node.checkVisibility({ visibilityProperty: true });
	return all
		.filter((node) => isReached(node) && (node.type !== "radio" || isChosen(node)))
		.map((node, i) => {
			node.dataset.tab = i;
			return [
				String(i),
				`${node.tagName.toLowerCase()} ${node.getAttribute("aria-label") ?? node.name ?? ""} ${node.textContent.trim().slice(0, 40)}`,
			];
		});
}

// Runs in the browser. What has the focus: its number, and whether it, or what is drawn for it, shows that.
function focused() {
	const node = document.activeElement;
	const isMarked = (one) => {
		const { outlineStyle, outlineWidth, boxShadow } = one ? getComputedStyle(one) : {};
		return one && ((outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none");
	};
	return { at: node.dataset.tab, isShown: !!(isMarked(node) || isMarked(node.nextElementSibling)) };
}

// What the keyboard does not reach, or does not show the focus of; a test expects [].
export async function keyboardProblems(page) {
	const left = new Map(await page.evaluate(number));
	const problems = [];
	for (let presses = left.size + 4; presses > 0 && left.size > 0; presses--) {
		await page.keyboard.press("Tab");
		const { at, isShown } = await page.evaluate(focused);
		if (!isShown && left.has(at)) problems.push(`the focus of ${left.get(at)} is not shown`);
		left.delete(at);
	}
	return [...problems, ...[...left.values()].map((what) => `Tab does not reach ${what}`)];
}
