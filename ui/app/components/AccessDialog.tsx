import { Button, Group, Modal, PasswordInput, Text, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { credentials } from '../lib/api';

/** Who asks, and for which tenant. Opens by itself when the server answers 401. */
export function AccessDialog({ state, onClose }: { state: 'closed' | 'open' | 'asked'; onClose: () => void }) {
  return (
    <Modal opened={state !== 'closed'} onClose={onClose} title={state === 'asked' ? 'This server wants a token' : 'Tenant and token'}>
      {state === 'closed' ? null : <Form onDone={onClose} />}
    </Modal>
  );
}

function Form({ onDone }: { onDone: () => void }) {
  const client = useQueryClient();
  const [token, setToken] = useState(credentials.token);
  const [tenant, setTenant] = useState(credentials.tenant);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        credentials.setToken(token.trim());
        credentials.setTenant(tenant.trim());
        client.clear();
        void client.invalidateQueries();
        onDone();
        // The live stream and every page start anew with what was entered.
        window.location.reload();
      }}
    >
      <PasswordInput size="sm" label="Bearer token" value={token} onChange={(e) => setToken(e.currentTarget.value)} autoComplete="off" data-autofocus />
      <Text size="xs" c="dimmed" mt={4} mb="sm">
        Kept in this tab until it is closed. Empty if the server needs none.
      </Text>
      <TextInput size="sm" label="Tenant" value={tenant} onChange={(e) => setTenant(e.currentTarget.value)} placeholder="default" spellCheck={false} />
      <Text size="xs" c="dimmed" mt={4}>
        Sent as X-Scope-OrgID.
      </Text>
      <Group justify="flex-end" mt="md">
        <Button variant="default" onClick={onDone}>
          Cancel
        </Button>
        <Button type="submit">Use</Button>
      </Group>
    </form>
  );
}
