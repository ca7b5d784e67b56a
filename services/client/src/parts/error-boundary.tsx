import { Component, type ReactNode } from "react";

/* A page that breaks does not take the rest with it. RESET_KEY: when it changes, there is another page to try. */
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
				<h1 className="title">This page broke</h1>
				<p className="block">That is our fault. Nothing that you submitted is lost.</p>
				<p className="block soft">{this.state.error.message}</p>
				<button type="button" className="button is-primary" onClick={() => window.location.reload()}>
					Load it again
				</button>
			</div>
		);
	}
}
