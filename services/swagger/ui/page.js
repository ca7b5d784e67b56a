// No external validator, and nothing stored in the browser: a token lives as long as the page.
const ui = SwaggerUIBundle({
	plugins: [withoutNestedLinks],
	url: "openapi.yaml",
	dom_id: "#swagger-ui",
	deepLinking: true,
	defaultModelsExpandDepth: 0,
	tryItOutEnabled: true,
	validatorUrl: null,
	responseInterceptor: useToken,
});

// After logging in is tried out, the following calls send the token.
function useToken(response) {
	const token = response.ok && (response.obj?.auth_token ?? response.obj?.access_token);
	if (token) {
		ui.preauthorizeApiKey("bearer", token);
	}
	return response;
}

// The path of an operation is a link inside the button that opens it, which no screen reader can say. The button opens the same, and puts it into the address.
function withoutNestedLinks({ React }) {
	return {
		wrapComponents: {
			DeepLink:
				() =>
				({ text }) =>
					React.createElement("span", null, text),
		},
	};
}

// "GET /auth/status"
function nameOf(operation) {
	return [".opblock-summary-method", ".opblock-summary-path"].map((part) => operation.querySelector(part).textContent).join(" ");
}

// What the markup of Swagger UI lacks for screen readers. Its elements are made and replaced while the page is used.
const MISSING = {
	".information-container": { role: "region", "aria-label": "About the API" }, // what is not in its <main>, which has the operations
	".scheme-container": { role: "region", "aria-label": "Server and token" },
	".models": { "aria-label": "Schemas" },
	"#servers": { "aria-label": "Server" },
	".close-modal": { "aria-label": "Close" },
	".body-param__text": { "aria-label": "Request body" },
	".examples-select-element": { "aria-label": "Example" },
	".microlight": { tabindex: "0" }, // a reply scrolls
	".responses-table": { "aria-label": (table) => `Responses of ${nameOf(table.closest(".opblock"))}` },
	h3: { "aria-level": "2" }, // they begin two levels below the title
	h4: { "aria-level": "3" },
	h5: { "aria-level": "4" },
	h6: { "aria-level": "4" },
};
function mend() {
	for (const [selector, attributes] of Object.entries(MISSING))
		for (const element of document.querySelectorAll(`#swagger-ui :is(${selector})`))
			for (const [name, text] of Object.entries(attributes))
				if (!element.hasAttribute(name)) element.setAttribute(name, typeof text === "string" ? text : text(element));
}
new MutationObserver(mend).observe(document.getElementById("swagger-ui"), { childList: true, subtree: true });
