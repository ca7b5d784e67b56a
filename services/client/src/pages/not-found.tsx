import { useLocation } from "react-router";
import { Link } from "../parts/link";
import { Page } from "../parts/page";

export default function NotFound() {
	const { pathname } = useLocation();

	return (
		<Page title="Not Found" heading="There is no such page" narrow>
			<div className="sheet">
				<p className="block">
					Nothing is at <code>{pathname}</code>.
				</p>
				<Link className="button is-primary" to="/">
					Go home
				</Link>
			</div>
		</Page>
	);
}
