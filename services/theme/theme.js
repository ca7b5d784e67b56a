// The theme of the client, the dashboard and Swagger UI: the system's, light or dark, as the user chose on any of them. Each page loads this
// script in its head, before anything is painted, so that no page appears in the wrong colours first. It sets data-theme (tokens.css), sends the
// event "theme" to the document when the colours change, and defines <theme-switch>, the control that chooses.
(() => {
	const StoredAs = "abacus.theme"; // absent: the system's
	const root = document.documentElement;
	const system = matchMedia("(prefers-color-scheme: dark)");
	const choices = {
		system: { name: "As the system", icon: '<rect x="2" y="3" width="12" height="8" rx="1.5"/><path d="M5.5 14h5"/>' },
		light: {
			name: "Light",
			icon: '<circle cx="8" cy="8" r="2.8"/><path d="M8 1v1.4M8 13.6V15M1 8h1.4M13.6 8H15M3.1 3.1l1 1M11.9 11.9l1 1M3.1 12.9l1-1M11.9 4.1l1-1"/>',
		},
		dark: { name: "Dark", icon: '<path d="M13.5 9.8A6 6 0 0 1 6.2 2.5a6 6 0 1 0 7.3 7.3z"/>' },
	};

	let choice = "system";

	// Storage may be blocked: the choice then lasts as long as the page.
	function stored() {
		try {
			return localStorage.getItem(StoredAs);
		} catch {
			return null;
		}
	}
	function store() {
		try {
			if (choice === "system") localStorage.removeItem(StoredAs);
			else localStorage.setItem(StoredAs, choice);
		} catch {}
	}

	function apply() {
		const theme = choice === "system" ? (system.matches ? "dark" : "light") : choice;
		if (root.dataset.theme !== theme) {
			root.dataset.theme = theme;
			for (const meta of document.querySelectorAll("meta[name=theme-color]")) meta.media = meta.dataset.of === theme ? "all" : "not all";
			document.dispatchEvent(new Event("theme"));
		}
		for (const input of document.querySelectorAll(".theme-choice input")) input.checked = input.value === choice;
	}

	function choose(next) {
		choice = Object.hasOwn(choices, next ?? "") ? next : "system";
		apply();
	}

	class ThemeSwitch extends HTMLElement {
		connectedCallback() {
			const option = ([value, { name, icon }]) =>
				`<label title="${name}"><input type="radio" name="theme" value="${value}" aria-label="${name}"><svg viewBox="0 0 16 16" aria-hidden="true">${icon}</svg></label>`;
			this.innerHTML = `<fieldset class="theme-choice" aria-label="Theme">${Object.entries(choices).map(option).join("")}</fieldset>`;
			this.onchange = (event) => {
				choose(event.target.value);
				store();
			};
			apply();
		}
	}

	choose(stored());
	system.addEventListener("change", apply);
	addEventListener("storage", ({ key, newValue }) => (key === StoredAs || key === null) && choose(newValue)); // chosen in another tab
	customElements.define("theme-switch", ThemeSwitch);
})();
