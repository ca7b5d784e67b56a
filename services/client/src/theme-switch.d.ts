/* The element that theme.js defines (services/theme). */
import "react";

declare module "react" {
	namespace JSX {
		interface IntrinsicElements {
			"theme-switch": object;
		}
	}
}
