import { AppLink } from './AppLink';
import { Empty } from './States';

export function NotFound() {
  return (
    <div className="page">
      <Empty title="There is no such page" action={<AppLink to="/">Go to Home</AppLink>}>
        The address may be from another version.
      </Empty>
    </div>
  );
}
