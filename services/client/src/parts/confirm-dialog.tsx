import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { beginConfirmation } from "../api/accounts";
import { messageOf } from "../api/failure";
import type { Question } from "../session/confirm";
import { useSession } from "../session/use-session";
import { Dialog } from "./dialog";
import { ProofForm } from "./proof-form";

/* Asks the user to confirm one sensitive action. It closes when the action may be tried again, and if the session ends meanwhile. */
export default function ConfirmDialog({ question }: { question: Question }) {
	const session = useSession();
	const [attempt, setAttempt] = useState(1);
	const { data: challenge, error } = useQuery({
		queryKey: ["confirmation", question.id, attempt],
		queryFn: () => beginConfirmation({ action: question.action, parameters: question.parameters }),
		staleTime: Number.POSITIVE_INFINITY,
		gcTime: 0,
	});

	useEffect(() => {
		if (!session) question.cancel();
	}, [session, question]);

	return (
		<Dialog title={question.title} onClose={question.cancel}>
			<div className="dialog-body confirm" aria-busy={!challenge && !error}>
				{question.text && <p className="block">{question.text}</p>}
				<p role="alert">
					{attempt > 1 && <span className="block problem">That took too long, or too many answers were wrong. Please try again.</span>}
					{error && <span className="block problem">{messageOf(error)}</span>}
				</p>
				{challenge && (
					<ProofForm
						key={attempt}
						challenge={challenge}
						button={question.button}
						isDangerous={question.isDangerous}
						onRight={(answer) => "confirmation" in answer && question.confirm(answer.confirmation)}
						onEnded={() => setAttempt(attempt + 1)}
					>
						<button type="button" className="button" onClick={question.cancel}>
							Cancel
						</button>
					</ProofForm>
				)}
			</div>
		</Dialog>
	);
}
