// Swagger UI's own dark theme follows the theme of theme.js, which runs before this.
function followTheme() {
	document.documentElement.classList.toggle("dark-mode", document.documentElement.dataset.theme === "dark");
}
followTheme();
document.addEventListener("theme", followTheme);
