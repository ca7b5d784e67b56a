import { Component, type ReactNode } from "react";

/* Shows an error in place of a page that throws, and leaves the rest working. A new RESET_KEY means another page: render it. */
export class ErrorBoundary extends Component<{ resetKey: string; children: ReactNode }, { error: Error | null }> {
	override state: { error: Error | null } = { error: null };

	static getDerivedStateFromError(error: Error) {
		return { error };
	}

	override componentDidUpdate(before: { resetKey: string }) {
		if (before.resetKey !== this.props.resetKey && this.state.error) this.setState({ error: null });
	}

	override render() {
		if (!this.state.error) return this.props.children;
		return (
			<div className="sheet narrow" role="alert">
				<h1 className="title">This page has failed</h1>
				<p className="block">That is our fault. Everything that you submitted is safe.</p>
				<p className="block soft">{this.state.error.message}</p>
				<button type="button" className="button is-primary" onClick={() => window.location.reload()}>
					Load it again
				</button>
			</div>
		);
	}
}
