; Inno Setup 6.3 or newer: iscc packaging\windows\winnow.iss, after `python packaging\build.py` on Windows.
; Installs for the person who runs it, without an administrator; a newer version replaces an older one in place.
; A CUDA build is larger than one file may be: the setup is then several files that belong together.
#define Version "0.1.0"

[Setup]
AppId={{6C1C7A0E-6E1B-4F57-9C0B-3C1B3F0E5A41}
AppName=Winnow
AppVersion={#Version}
AppPublisher=The Winnow project
DefaultDirName={autopf}\Winnow
DefaultGroupName=Winnow
DisableProgramGroupPage=yes
PrivilegesRequired=lowest
PrivilegesRequiredOverridesAllowed=dialog
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
LicenseFile=..\..\LICENSE
SetupIconFile=..\..\build\icons\winnow.ico
UninstallDisplayIcon={app}\Winnow.exe
OutputDir=..\..\dist
OutputBaseFilename=Winnow-{#Version}-setup
Compression=lzma2/fast
SolidCompression=no
DiskSpanning=yes
DiskSliceSize=2000000000
ChangesAssociations=yes
CloseApplications=yes

[Tasks]
Name: desktopicon; Description: "{cm:CreateDesktopIcon}"; Flags: unchecked
Name: openwith; Description: "Offer ""Open with Winnow"" for pictures and folders"

[InstallDelete]
; Files that an older version had and this one has not would be loaded by mistake.
Type: filesandordirs; Name: "{app}\_internal"

[Files]
Source: "..\..\dist\Winnow\*"; DestDir: "{app}"; Flags: recursesubdirs createallsubdirs ignoreversion

[Icons]
Name: "{group}\Winnow"; Filename: "{app}\Winnow.exe"
Name: "{autodesktop}\Winnow"; Filename: "{app}\Winnow.exe"; Tasks: desktopicon

[Registry]
#define Program "Software\Classes\Applications\Winnow.exe"
Root: HKA; Subkey: "{#Program}"; ValueType: string; ValueName: "FriendlyAppName"; ValueData: "Winnow"; Flags: uninsdeletekey; Tasks: openwith
Root: HKA; Subkey: "{#Program}\DefaultIcon"; ValueType: string; ValueData: "{app}\Winnow.exe,0"; Tasks: openwith
Root: HKA; Subkey: "{#Program}\shell\open\command"; ValueType: string; ValueData: """{app}\Winnow.exe"" ""%1"""; Tasks: openwith
#define Kind(str suffix) 'Root: HKA; Subkey: "' + Program + '\SupportedTypes"; ValueType: string; ValueName: "' + suffix + '"; ValueData: ""; Tasks: openwith'
#emit Kind(".jpg")
#emit Kind(".jpeg")
#emit Kind(".png")
#emit Kind(".webp")
#emit Kind(".bmp")
#emit Kind(".tif")
#emit Kind(".tiff")
#emit Kind(".gif")
#emit Kind(".heic")
#emit Kind(".heif")
#emit Kind(".avif")
Root: HKA; Subkey: "Software\Classes\Directory\shell\Winnow"; ValueType: string; ValueData: "Open with Winnow"; Flags: uninsdeletekey; Tasks: openwith
Root: HKA; Subkey: "Software\Classes\Directory\shell\Winnow"; ValueType: string; ValueName: "Icon"; ValueData: "{app}\Winnow.exe,0"; Tasks: openwith
Root: HKA; Subkey: "Software\Classes\Directory\shell\Winnow\command"; ValueType: string; ValueData: """{app}\Winnow.exe"" ""%1"""; Tasks: openwith

[Run]
Filename: "{app}\Winnow.exe"; Description: "{cm:LaunchProgram,Winnow}"; Flags: nowait postinstall skipifsilent

[Code]
{ Settings, downloaded models, logs and caches lie in the person's own folder and survive; only a yes removes them. }
procedure CurUninstallStepChanged(CurUninstallStep: TUninstallStep);
var
  Folder: String;
begin
  Folder := ExpandConstant('{localappdata}\Winnow');
  if (CurUninstallStep = usPostUninstall) and DirExists(Folder) and not UninstallSilent then
    if MsgBox('Delete Winnow''s settings, downloaded models, logs and caches too?' + #13#10 + Folder + #13#10#13#10
      + 'Projects in your picture folders stay in any case.', mbConfirmation, MB_YESNO or MB_DEFBUTTON2) = IDYES then
      DelTree(Folder, True, True, True);
end;
