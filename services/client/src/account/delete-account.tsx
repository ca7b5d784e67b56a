import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "react-router";
import { deleteAccount, type User } from "../api/accounts";
import { dismissErrors } from "../parts/notices";
import { confirmed, report } from "../session/confirm";
import { sessions } from "../session/session";

export function DeleteAccount({ user }: { user: User }) {
	const navigate = useNavigate();
	const deleting = useMutation({
		mutationFn: () =>
			confirmed(
				{
					action: "delete_account",
					parameters: {},
					title: "Delete your account?",
					text: `${user.username} can no longer log in, and is logged out everywhere. This cannot be undone.`,
					button: "Delete my account",
					isDangerous: true,
				},
				deleteAccount,
			),
		onMutate: dismissErrors,
		onSuccess() {
			navigate("/", { replace: true });
			sessions.endEverywhere("account_deleted");
		},
		onError: report,
	});

	return (
		<section className="sheet" aria-labelledby="delete-title">
			<h2 id="delete-title" className="sheet-title">
				Delete your account
			</h2>
			<p className="block">Your name, your email address and what you submitted are deleted at once, and cannot be brought back.</p>
			<button type="button" className="button is-danger" onClick={() => deleting.isPending || deleting.mutate()}>
				Delete my account
			</button>
		</section>
	);
}
