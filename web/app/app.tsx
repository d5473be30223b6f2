/** The page: one calm screen. The picture in the centre, the words below, the history as a strip. */
import { AskPanel } from './parts/ask_panel.tsx';
import { DeviceDialog } from './parts/device_dialog.tsx';
import { DrawDialog } from './parts/draw_dialog.tsx';
import { EditStage } from './parts/edit_stage.tsx';
import { KeysDialog } from './parts/keys_dialog.tsx';
import { ModelGate } from './parts/model_gate.tsx';
import { ModelsDialog } from './parts/models_dialog.tsx';
import { NoticeBar } from './parts/notice_bar.tsx';
import { PictureStage } from './parts/picture_stage.tsx';
import { PromptBar } from './parts/prompt_bar.tsx';
import { QueueList } from './parts/queue_list.tsx';
import { RestoreDialog } from './parts/restore_dialog.tsx';
import { ShareDialog } from './parts/share_dialog.tsx';
import { SheetDialog } from './parts/sheet_dialog.tsx';
import { Strip } from './parts/strip.tsx';
import { TopBar } from './parts/top_bar.tsx';
import { WorkStage } from './parts/work_stage.tsx';
import { dialog, editing, mode, watching, work } from './state.ts';

const DIALOGS = {
  keys: KeysDialog,
  models: ModelsDialog,
  device: DeviceDialog,
  restore: RestoreDialog,
  sheet: SheetDialog,
  draw: DrawDialog,
  share: ShareDialog,
} as const;

export function App() {
  const Open = dialog.value && DIALOGS[dialog.value];
  const asks = mode.value === 'ask';
  return (
    <div class={`app mode-${mode.value}`}>
      <TopBar />
      <main>
        <ModelGate />
        <div class="stage">{stageOf(asks)}</div>
        {asks ? <AskPanel /> : <PromptBar />}
        <QueueList />
      </main>
      <Strip />
      <NoticeBar />
      {Open && <Open />}
    </div>
  );
}

function stageOf(asks: boolean) {
  if (editing.value && !asks) return <EditStage />;
  if (work.value && watching.value && !asks) return <WorkStage />;
  return <PictureStage />;
}
