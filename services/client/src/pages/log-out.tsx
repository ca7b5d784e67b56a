import { useEffect } from "react";
import { Link } from "../parts/link";
import { Page } from "../parts/page";
import { logOutEverywhere } from "../session/follow";
import { useSession } from "../session/use-session";

/* Opening /logout logs out, as in the legacy client. */
export default function LogOut() {
	const session = useSession();

	useEffect(() => {
		if (session) logOutEverywhere();
	}, [session]);

	return (
		<Page title="Log Out" narrow>
			<div className="sheet">
				<p className="block">You are now logged out.</p>
				<Link className="button is-primary" to="/login">
					Log in again
				</Link>
			</div>
		</Page>
	);
}
