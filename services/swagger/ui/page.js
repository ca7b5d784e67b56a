// No plugins, no external validator, and nothing stored in the browser: a token lives as long as the page.
const ui = SwaggerUIBundle({
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
