import { useQuery } from '@tanstack/react-query';
import { CopyButton } from '../../components/CopyButton';
import { Panel } from '../../components/Panel';
import { Failure, Rows } from '../../components/States';
import { ownConfig } from '../../lib/exposition';

/** The configuration in force, as the server writes it: secrets are left out there, not here. */
export function Config() {
  const found = useQuery({ queryKey: ['own-config'], queryFn: ({ signal }) => ownConfig(signal), staleTime: 60_000 });
  return (
    <Panel title="Configuration in force" side={found.data ? <CopyButton text={found.data} label="Copy the configuration" /> : 'secrets are left out'}>
      {found.error ? <Failure error={found.error} retry={() => void found.refetch()} /> : !found.data ? <Rows count={8} height={22} /> : <pre className="config" tabIndex={0}>{found.data}</pre>}
    </Panel>
  );
}
