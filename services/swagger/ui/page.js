// No plugin, no validator of somebody else's, and nothing kept in the browser: a token lives as long as the page.
const ui = SwaggerUIBundle({
	url: "openapi.yaml",
	dom_id: "#swagger-ui",
	deepLinking: true,
	tryItOutEnabled: true,
	validatorUrl: null,
	responseInterceptor: useToken,
});

// Whoever logs in by trying it out is logged in for all that is tried out next.
function useToken(response) {
	const token = response.ok && (response.obj?.auth_token ?? response.obj?.access_token);
	if (token) {
		ui.preauthorizeApiKey("bearer", token);
	}
	return response;
}
