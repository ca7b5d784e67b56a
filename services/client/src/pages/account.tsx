import { useQuery } from "@tanstack/react-query";
import { factorsQuery, profileQuery } from "../account/account";
import { Activity } from "../account/activity";
import { DeleteAccount } from "../account/delete-account";
import { PasswordForm } from "../account/password-form";
import { ProfileForm } from "../account/profile-form";
import { SessionList } from "../account/session-list";
import { TwoStep } from "../account/two-step";
import { LogInFirst } from "../parts/log-in-first";
import { Page } from "../parts/page";
import type { Session } from "../session/session";
import { useSession } from "../session/use-session";

function OwnAccount({ session }: { session: Session }) {
	const { data: user } = useQuery(profileQuery(session.userId));
	const { data: factors } = useQuery(factorsQuery(session.userId));

	if (!user || !factors) return <div className="sheet table-blank" aria-busy="true" />;
	return (
		<>
			<ProfileForm user={user} />
			<PasswordForm session={session} user={user} hasFactor={factors.factors.length > 0} />
			<TwoStep session={session} email={user.email} />
			<SessionList session={session} />
			<Activity session={session} />
			<DeleteAccount user={user} />
		</>
	);
}

export default function Account() {
	const session = useSession();

	return (
		<Page title="Account" narrow>
			{session ? <OwnAccount key={session.userId} session={session} /> : <LogInFirst />}
		</Page>
	);
}
