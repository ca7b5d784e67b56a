import { Link } from "../parts/link";
import { Page } from "../parts/page";
import { logOutEverywhere } from "../session/follow";
import { useSession } from "../session/use-session";

/* The address at which the legacy client logged out. Opening it only asks, because browsers open addresses of their history by themselves. */
export default function LogOut() {
	const session = useSession();

	return (
		<Page title="Log out" narrow>
			<div className="sheet">
				<p className="block">{session ? "This logs out every tab of this browser." : "You are now logged out."}</p>
				{session ? (
					<button type="button" className="button is-primary" onClick={() => logOutEverywhere()}>
						Log out
					</button>
				) : (
					<Link className="button is-primary" to="/login" replace>
						Log in again
					</Link>
				)}
			</div>
		</Page>
	);
}
