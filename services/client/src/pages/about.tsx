import { Mark } from "../parts/beads";
import { Page } from "../parts/page";

export default function About() {
	return (
		<Page title="About" lead="What happens between a click and a number with half a million digits.">
			<div className="sheet prose">
				<Mark />
				<p>
					You submit an <b>index</b> and a <b>kind</b> of calculation. Abacus stores it before it acknowledges it, so that it cannot get
					lost. A worker calculates it, and every page that waits for the result shows it at once. Results are kept, so each is calculated
					only once.
				</p>
				<h2>How it is built</h2>
				<p>
					Small separate daemons in C, each with one event loop: <b>users</b> has the accounts, <b>values</b> stores the submissions,{" "}
					<b>worker</b> calculates, <b>mailer</b> sends email, and <b>healthcheck</b> watches them all. Postgres stores accounts and
					submissions, Redis the queue and the results, and nginx receives all requests.
				</p>
				<h2>Being logged in</h2>
				<p>
					You are logged in in one tab until you close it; a new tab starts logged out. To stay logged in in all tabs, tick “Keep me logged
					in on this browser”. Logging out logs out every tab at once, and the server no longer accepts the token.
				</p>
				<h2>See also</h2>
				<p>
					You can <a href="/swagger/">try the API in the browser</a>, and the <a href="/status/">dashboard</a> shows every instance.
				</p>
			</div>
		</Page>
	);
}
