import { useLocation } from "react-router";
import { Link } from "./link";

/* Shown in place of what only a logged-in user may see. */
export function LogInFirst() {
	const { pathname } = useLocation();

	return (
		<div className="sheet">
			<p className="block">You must be logged in to view this.</p>
			<Link className="button is-primary" to="/login" state={{ from: pathname }}>
				Log in
			</Link>
		</div>
	);
}
