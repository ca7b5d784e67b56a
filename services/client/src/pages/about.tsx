import { Mark } from "../parts/beads";
import { Page } from "../parts/page";

export default function About() {
	return (
		<Page title="About" lead="What happens between a click and a number with half a million digits.">
			<div className="sheet prose">
				<Mark />
				<p>
					You submit an <b>index</b> and a <b>kind</b> of calculation. It is written down before it is acknowledged, so that nothing can
					lose it. A worker takes it, calculates, and everybody who waits is told at once. What was calculated once is kept.
				</p>
				<h2>How it is built</h2>
				<p>
					Small separate daemons in C, each one event loop: <b>users</b> knows who may, <b>values</b> keeps what was submitted,{" "}
					<b>worker</b> calculates, <b>healthcheck</b> watches them all. Postgres holds the truth, Redis the queue and the results, nginx
					stands in front.
				</p>
				<h2>Being logged in</h2>
				<p>
					You are logged in in one tab, until it is closed; a new tab starts logged out. Tick “Keep me logged in on this browser” for all
					tabs, and for tomorrow. Logging out logs out every tab at once, and the server takes the token no longer.
				</p>
				<h2>To look further</h2>
				<p>
					The <a href="/swagger/">API can be tried in the browser</a>, and the <a href="/status/">dashboard</a> shows every instance.
				</p>
			</div>
		</Page>
	);
}
