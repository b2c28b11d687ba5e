import { clsx } from 'clsx'
import { Panel } from '#components/ui/panel.tsx'
import { StateShape } from '#components/ui/state-mark.tsx'
import { Time } from '#components/ui/time.tsx'
import type { DeviceDetail } from '#lib/protocol/devices.ts'

/** The device's own machine, in the order in which a sync goes through it. */
const states = ['IDLE', 'CHECKING', 'PUSHING', 'RESOLVING', 'RETRYING', 'FAILED', 'COMPLETE'] as const

/** Where the device's machine stands, and how it came there. */
export function StateMachine({ device }: { device: DeviceDetail }) {
  const now = device.sync_state
  return (
    <Panel title="State machine" aside={device.last_seen_at ? <SeenAs at={device.last_seen_at} /> : ''} flush>
      <ol aria-label="States" className="flex flex-wrap gap-1.5 border-b border-line px-4 py-3">
        {states.map((state) => (
          <li
            key={state}
            aria-current={state === now ? 'step' : undefined}
            className={clsx(
              'flex h-6 items-center gap-1.5 rounded-sm border px-2 font-mono text-12',
              state === now ? 'border-ink text-ink' : 'border-line text-faint',
            )}
          >
            {state === now ? <StateShape state={state === 'FAILED' ? 'critical' : 'healthy'} /> : null}
            {state.toLowerCase()}
          </li>
        ))}
      </ol>
      {device.transitions.length === 0 ? (
        <p className="px-4 py-6 text-center text-faint">The device has not reported a transition yet.</p>
      ) : (
        <ol aria-label="Transitions, newest first" className="relative max-h-64 overflow-y-auto" tabIndex={0}>
          {device.transitions.map((event) => (
            <li
              key={event.id}
              className="flex items-baseline gap-2 border-b border-line px-4 py-1.5 last:border-0"
            >
              <span className="font-mono text-12">{event.code.toLowerCase().replace('>', ' → ')}</span>
              <span className="min-w-0 flex-1 truncate text-12 text-faint">{event.detail}</span>
              <Time at={event.at} className="shrink-0 text-12 text-faint" />
            </li>
          ))}
        </ol>
      )}
    </Panel>
  )
}

function SeenAs({ at }: { at: string }) {
  return (
    <>
      as of <Time at={at} />
    </>
  )
}
